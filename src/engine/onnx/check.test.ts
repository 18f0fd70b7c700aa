/** Checks refuse what is spoilt (hostile.test.ts) and nothing else: real models of many exporters pass them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EdgewiseError } from '../../base/errors.ts';
import { sharedData } from '../../../test/support/shared-data.ts';
import { externalFilesIn } from '../../runtime/files/external-files.ts';
import { openFileSource } from '../../runtime/files/file-source.ts';
import { checkModel, parseModel } from './index.ts';

describe.skipIf(!sharedData)('real models (skipped where they are not at hand) are accepted', () => {
  const root = join(sharedData ?? '', 'models');
  const suites = sharedData ? readdirSync(root) : [];

  it.each(suites)('%s', (suite) => {
    const refused: string[] = [];
    const files = (readdirSync(join(root, suite), { recursive: true }) as string[]).filter((name) => name.endsWith('.onnx'));
    for (const file of files) {
      const path = join(root, suite, file);
      const source = openFileSource(path);
      const folder = externalFilesIn(path);
      try {
        checkModel(parseModel(source, folder));
      } catch (error) {
        if (!(error instanceof EdgewiseError)) throw error;
        if (!breaksTheStandard(error)) refused.push(`${file}: ${error.code} ${error.message}`);
      } finally {
        source.close();
        folder.close();
      }
    }
    expect(refused).toEqual([]);
  });

  /** Conformance suites hold operator sets below 7, and fixtures of the runtime that ONNX itself does not allow. */
  function breaksTheStandard(error: EdgewiseError): boolean {
    if (error.code === 'UNSUPPORTED_VERSION') return /operator set [1-6];/.test(error.message);
    return error.code === 'BAD_GRAPH' && /not in order|Two outputs|no outputs/.test(error.message);
  }
});
