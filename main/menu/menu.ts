/** The application menu: what a desktop program must offer, and no more; everything else is in the page. */
import type { MenuItemConstructorOptions } from 'electron';
import type { Labels } from '../labels.ts';

export interface MenuOptions {
  readonly labels: Labels;
  readonly mac: boolean;
  readonly devTools: boolean;
  readonly showDataFolder: () => void;
}

export function menuTemplate({ labels, mac, devTools, showDataFolder }: MenuOptions): MenuItemConstructorOptions[] {
  const line: MenuItemConstructorOptions = { type: 'separator' };
  return [
    ...(mac ? [{ label: 'Edgewise', submenu: [{ role: 'about', label: labels.about }, line, { role: 'quit', label: labels.quit }] } satisfies MenuItemConstructorOptions] : []),
    { label: labels.file, submenu: [{ role: 'close', label: labels.closeWindow }, ...(mac ? [] : [line, { role: 'quit', label: labels.quit } as const])] },
    {
      label: labels.edit,
      submenu: [
        { role: 'undo', label: labels.undo },
        { role: 'redo', label: labels.redo },
        line,
        { role: 'cut', label: labels.cut },
        { role: 'copy', label: labels.copy },
        { role: 'paste', label: labels.paste },
        { role: 'selectAll', label: labels.selectAll },
      ],
    },
    {
      label: labels.view,
      submenu: [
        { role: 'zoomIn', label: labels.zoomIn },
        { role: 'zoomOut', label: labels.zoomOut },
        { role: 'resetZoom', label: labels.actualSize },
        line,
        { role: 'togglefullscreen', label: labels.fullScreen },
        ...(devTools ? [{ role: 'toggleDevTools', label: labels.developerTools } as const] : []),
      ],
    },
    {
      role: 'help',
      label: labels.help,
      submenu: [{ label: labels.showDataFolder, click: showDataFolder }, ...(mac ? [] : [{ role: 'about', label: labels.about } as const])],
    },
  ];
}
