/** Runs in the sandboxed page before its own scripts. Built as one CommonJS file that requires `electron` only. */
import { contextBridge, ipcRenderer } from 'electron';
import { BRIDGE_NAME, createBridge } from './bridge.ts';

contextBridge.exposeInMainWorld(BRIDGE_NAME, createBridge(ipcRenderer));
