/**
 * Switches that are burnt into the executable when the desktop program is packaged. Data, so that the packager applies them and a test
 * compares them with what docs/desktop.md promises. Names as in Electron's fuse list, version 1.
 */
export const fuses = {
  /** Off: the executable cannot be used as a plain Node. `child_process.fork` needs it, hence processes/utility-host.ts. */
  runAsNode: false,
  enableCookieEncryption: true,
  /** Off: NODE_OPTIONS and NODE_EXTRA_CA_CERTS are ignored. */
  enableNodeOptionsEnvironmentVariable: false,
  /** Off: --inspect and SIGUSR1 open no debugger. */
  enableNodeCliInspectArguments: false,
  enableEmbeddedAsarIntegrityValidation: true,
  onlyLoadAppFromAsar: true,
  grantFileProtocolExtraPrivileges: false,
} as const;
