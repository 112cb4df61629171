// Builds the script of `build --doctor`: the page of src/doctor/page.ts, with a new token for one report.

import { createHash, randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildScript } from './index.ts';
import { packageFolder } from './package-folder.ts';
import { withFolder } from './temporary.ts';

/** Milliseconds for which a token is good. */
const LIFE = 24 * 60 * 60 * 1000;

export interface DoctorScript {
  /** The token, of which only the SHA-256 is in the script. */
  token: string;
  expires: Date;
  /** The size of the script in bytes. */
  size: number;
}

export interface DoctorScriptOptions {
  /** As in `BuildScriptOptions`. */
  interpreter: string | undefined;
  /** Whether to make an executable with this Node in it. */
  standalone: boolean;
}

/** Builds the executable file `script`. Throws a `UserError` as `buildScript` does. */
export async function buildDoctor(script: string, { interpreter, standalone }: DoctorScriptOptions): Promise<DoctorScript> {
  const token = randomBytes(32).toString('base64url');
  const digest = createHash('sha256').update(token).digest('hex');
  const expires = new Date(Date.now() + LIFE);
  return withFolder(join(tmpdir(), 'run-with-cgi-doctor-'), async (folder) => {
    const module = join(folder, 'doctor.mjs');
    const page = JSON.stringify(join(packageFolder, 'dist/doctor/page.js'));
    await writeFile(
      module,
      `import { doctorPage } from ${page};\nexport default doctorPage({ digest: '${digest}', expires: ${expires.getTime()} });\n`,
    );
    const { size } = await buildScript(module, script, {
      exportName: 'default',
      runtime: 'node',
      standalone: standalone ? 'host' : undefined,
      ...(interpreter !== undefined && { interpreter }),
    });
    await rm(`${script}.map`);
    return { token, expires, size };
  });
}
