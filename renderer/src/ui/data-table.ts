/** A column of a `DataTable`. */
export interface TableColumn<T> {
  readonly id: string;
  readonly header: string;
  /** What the column is sorted and filtered by; undefined sorts last. */
  readonly value: (row: T) => string | number | undefined;
  /** A width in px, or a CSS track. */
  readonly size: number | string;
  readonly align?: 'left' | 'right';
  /** Shown only where the table is at least so wide, px. */
  readonly fromWidth?: number;
  readonly sortable?: boolean;
  /** The header is heard, not seen. */
  readonly hiddenHeader?: boolean;
}
