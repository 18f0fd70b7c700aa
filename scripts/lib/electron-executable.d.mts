export function electronExecutable(root?: string, env?: Readonly<Record<string, string | undefined>>): string | undefined;
export function electronTryFailed(root?: string): boolean;
export function tryFetchElectron(timeoutSeconds: number, root?: string, env?: Readonly<Record<string, string | undefined>>): Promise<string | undefined>;
