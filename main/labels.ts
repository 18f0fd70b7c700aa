/** Words of the shell itself: menu and native messages. The page has its own. */
import type { Settings } from '../src/contract/records/settings.ts';

export type Language = 'en' | 'zh-CN';

const en = {
  file: 'File',
  closeWindow: 'Close Window',
  quit: 'Quit Edgewise',
  edit: 'Edit',
  undo: 'Undo',
  redo: 'Redo',
  cut: 'Cut',
  copy: 'Copy',
  paste: 'Paste',
  selectAll: 'Select All',
  view: 'View',
  zoomIn: 'Zoom In',
  zoomOut: 'Zoom Out',
  actualSize: 'Actual Size',
  fullScreen: 'Full Screen',
  developerTools: 'Developer Tools',
  help: 'Help',
  showDataFolder: 'Show Data Folder',
  about: 'About Edgewise',
  models: 'ONNX models',
  dataFiles: 'Data files',
  allFiles: 'All files',
  closeTitle: 'Work is still running',
  closeMessage: 'A job is still running. What should happen to it?',
  closeDetail: 'In the background it runs to its end without a window, and Edgewise then quits by itself. A job that is stopped leaves nothing behind and can be run again.',
  keepWorking: 'Keep working in the background',
  stopAndQuit: 'Stop and quit',
  cancel: 'Cancel',
  workDone: 'The work in the background has ended.',
  crashTitle: 'The window has crashed',
  crashMessage: 'The window crashed and has been loaded again. Running jobs were not touched.',
  crashAgain: 'The window keeps crashing.',
  crashDetail: 'Running jobs were not touched. Load the window once more, or quit and start Edgewise again.',
  reload: 'Load again',
  startFailed: 'Edgewise could not start',
} as const;

export type LabelKey = keyof typeof en;
export type Labels = Readonly<Record<LabelKey, string>>;

const zhCN: Labels = {
  file: '文件',
  closeWindow: '关闭窗口',
  quit: '退出 Edgewise',
  edit: '编辑',
  undo: '撤销',
  redo: '重做',
  cut: '剪切',
  copy: '复制',
  paste: '粘贴',
  selectAll: '全选',
  view: '视图',
  zoomIn: '放大',
  zoomOut: '缩小',
  actualSize: '实际大小',
  fullScreen: '全屏',
  developerTools: '开发者工具',
  help: '帮助',
  showDataFolder: '打开数据文件夹',
  about: '关于 Edgewise',
  models: 'ONNX 模型',
  dataFiles: '数据文件',
  allFiles: '所有文件',
  closeTitle: '任务仍在运行',
  closeMessage: '有任务仍在运行，要如何处理？',
  closeDetail: '选择在后台继续时，任务会在没有窗口的情况下运行到结束，随后 Edgewise 自动退出。被停止的任务不会留下任何文件，可以重新运行。',
  keepWorking: '在后台继续',
  stopAndQuit: '停止并退出',
  cancel: '取消',
  workDone: '后台任务已结束。',
  crashTitle: '窗口已崩溃',
  crashMessage: '窗口崩溃后已重新加载，正在运行的任务不受影响。',
  crashAgain: '窗口反复崩溃。',
  crashDetail: '正在运行的任务不受影响。可以再次加载窗口，或退出后重新启动 Edgewise。',
  reload: '重新加载',
  startFailed: 'Edgewise 无法启动',
};

/** @param system the language that the operating system asks for, for example `zh-Hans-CN` */
export function languageOf(locale: Settings['locale'], system: string): Language {
  if (locale !== 'system') return locale;
  return system.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
}

export function labelsOf(language: Language): Labels {
  return language === 'zh-CN' ? zhCN : en;
}
