/** The console's authority and its own certificates, in `link/` of the data folder, readable by its owner only. Made once; certificates anew in time. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { createAuthority, isDue, issueConsoleCertificate, issueServerCertificate, loadAuthority, type Authority } from '../../../fleet/link/pki/authority.ts';
import { writeFileAtomically } from '../../../runtime/files/write-file.ts';

export interface LinkKeys {
  readonly authority: Authority;
  /** @param hosts by which devices reach this console */
  server(hosts: readonly string[]): Promise<{ readonly certPem: string; readonly keyPem: string }>;
  console(): Promise<{ readonly certPem: string; readonly keyPem: string }>;
}

const pair = z.object({ certPem: z.string(), keyPem: z.string(), hosts: z.array(z.string()).optional() });

/** @throws STORE_CORRUPT where what is kept cannot be read, WRITE_FAILED */
export async function openLinkKeys(folder: string, now: () => number): Promise<LinkKeys> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const read = (name: string): z.infer<typeof pair> | null => {
    try {
      return pair.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  };
  const write = (name: string, value: z.infer<typeof pair>): Promise<void> => writeFileAtomically(join(folder, name), [new TextEncoder().encode(JSON.stringify(value))], { mode: 0o600 });
  const kept = read('authority.json');
  const authority = kept === null ? await createAuthority('Edgewise fleet', now()) : await loadAuthority(kept.certPem, kept.keyPem);
  if (kept === null) await write('authority.json', { certPem: authority.certPem, keyPem: authority.keyPem });
  return {
    authority,
    async server(hosts) {
      const old = read('server.json');
      if (old !== null && !isDue(old.certPem, now()) && hosts.every((host) => old.hosts?.includes(host))) return old;
      const made = await issueServerCertificate(authority, hosts, now());
      await write('server.json', { certPem: made.certPem, keyPem: made.keyPem, hosts: [...hosts] });
      return made;
    },
    async console() {
      const old = read('console.json');
      if (old !== null && !isDue(old.certPem, now())) return old;
      const made = await issueConsoleCertificate(authority, now());
      await write('console.json', { certPem: made.certPem, keyPem: made.keyPem });
      return made;
    },
  };
}
