import { defineConfig } from '@playwright/test';

/** The same specs in both hosts: see e2e/support/host.ts. */
export default defineConfig({
  testDir: 'e2e',
  testMatch: '*.spec.ts',
  outputDir: 'test-results',
  fullyParallel: false,
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  use: { actionTimeout: 20_000 },
  // A real browser on a busy machine: one more try, and the run says which test needed it.
  retries: 1,
  forbidOnly: process.env['CI'] !== undefined,
  projects: [
    { name: 'browser host', metadata: { host: 'browser' } },
    { name: 'desktop host', metadata: { host: 'desktop' } },
  ],
});
