/** The real Electron behind the shell's ports. Nothing is decided here. */
import {
  BrowserWindow,
  Menu,
  MessageChannelMain,
  Notification,
  app,
  dialog,
  ipcMain,
  nativeTheme,
  protocol,
  screen,
  session,
  shell,
  utilityProcess,
  type MessagePortMain,
  type UtilityProcess,
} from 'electron';
import type { ElectronPorts } from './electron-ports.ts';
import type { PageRequest } from './protocol/app-protocol.ts';

export function realElectron(): ElectronPorts<BrowserWindow, MessagePortMain, UtilityProcess> {
  return {
    app,
    protocol: {
      registerSchemesAsPrivileged: (schemes) => protocol.registerSchemesAsPrivileged(schemes),
      handle: (scheme, handler) => protocol.handle(scheme, (request) => handler(request as unknown as PageRequest)),
    },
    ipcMain,
    dialog,
    nativeTheme,
    utility: {
      fork: (entry, args, options) => utilityProcess.fork(entry, args, options),
      post: (child, message, port) => child.postMessage(message, port === undefined ? [] : [port]),
      channel: () => new MessageChannelMain(),
      kill(pid) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // Gone already.
        }
      },
    },
    createWindow: (options) => new BrowserWindow(options),
    createPrintWindow() {
      const window = new BrowserWindow({ show: false, webPreferences: { javascript: false, sandbox: true, contextIsolation: true, nodeIntegration: false, webSecurity: true, webviewTag: false, spellcheck: false, devTools: false } });
      return {
        loadURL: (url) => window.loadURL(url),
        printToPdf: () => window.webContents.printToPDF({ preferCSSPageSize: true, printBackground: true }),
        destroy: () => window.destroy(),
      };
    },
    setMenu: (template) => Menu.setApplicationMenu(Menu.buildFromTemplate(template)),
    defaultSession: () => session.defaultSession,
    workAreas: () => screen.getAllDisplays().map((display) => display.workArea),
    openExternal: (address) => void shell.openExternal(address),
    openFolder: (path) => void shell.openPath(path),
    notify(message) {
      if (Notification.isSupported()) new Notification({ title: 'Edgewise', body: message }).show();
    },
  };
}
