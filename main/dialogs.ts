/** Native file dialogs for the console. A path that a person chose here is all that crosses to the page. */
import type { OpenDialogOptions, SaveDialogOptions } from 'electron';
import type { Dialogs } from '../src/console/routes/files.ts';
import type { Labels } from './labels.ts';

export interface DialogPort<W> {
  showOpenDialog(window: W, options: OpenDialogOptions): Promise<{ readonly canceled: boolean; readonly filePaths: readonly string[] }>;
  showSaveDialog(window: W, options: SaveDialogOptions): Promise<{ readonly canceled: boolean; readonly filePath: string }>;
}

export interface DialogOptions<W> {
  readonly dialog: DialogPort<W>;
  /** The window that the dialog belongs to; without one nothing opens. */
  readonly window: () => W | undefined;
  readonly labels: () => Labels;
}

export function createDialogs<W>({ dialog, window, labels }: DialogOptions<W>): Dialogs {
  return {
    async open(kind) {
      const parent = window();
      if (parent === undefined) return null;
      const { canceled, filePaths } = await dialog.showOpenDialog(parent, openOptions(kind, labels()));
      return canceled ? null : (filePaths[0] ?? null);
    },
    async save(suggestedName) {
      const parent = window();
      if (parent === undefined) return null;
      const { canceled, filePath } = await dialog.showSaveDialog(parent, {
        // A name from the page must not choose the folder.
        defaultPath: suggestedName.replaceAll(/[\\/:]/g, '_'),
        properties: ['createDirectory', 'showOverwriteConfirmation'],
      });
      return canceled || filePath === '' ? null : filePath;
    },
  };
}

function openOptions(kind: 'model' | 'data-folder' | 'data-file', labels: Labels): OpenDialogOptions {
  const all = { name: labels.allFiles, extensions: ['*'] };
  switch (kind) {
    case 'model':
      return { properties: ['openFile'], filters: [{ name: labels.models, extensions: ['onnx'] }, all] };
    case 'data-folder':
      return { properties: ['openDirectory'] };
    case 'data-file':
      return { properties: ['openFile'], filters: [{ name: labels.dataFiles, extensions: ['csv', 'npy', 'npz', 'gz'] }, all] };
  }
}
