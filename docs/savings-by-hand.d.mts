export function saving(files: readonly string[]): { readonly baselineJ: number; readonly optimizedJ: number; readonly share: number };
