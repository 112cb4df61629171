// Runs commands on a Debian as it is when its packages have just been installed: this machine, in namespaces of its own. The
// commands see and change no port, process or file of this machine, and their changes are gone when the last one ends.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

/** Without /run/systemd, `service` starts the scripts of /etc/init.d. dist/, the file and Node are copied first, as they may lie under /tmp, which is covered later. */
const SETUP = `set -e
ip link set lo up
mount -t tmpfs fresh /mnt
cp -r ${dist} /mnt/dist
cp "$1" /mnt/
cp ${process.execPath} /mnt/node
for folder in etc srv usr/local var; do
  mkdir -p /mnt/changed/$folder /mnt/work/$folder
  mount -t overlay -o lowerdir=/$folder,upperdir=/mnt/changed/$folder,workdir=/mnt/work/$folder fresh /$folder
done
mount -t tmpfs fresh /run
mkdir /run/lock
mount -t tmpfs -o mode=1777 fresh /tmp
echo '127.0.0.1 localhost' >/etc/hosts
mv /mnt/node /usr/local/bin/node
# The packages are there already. One that is not is an error.
cat >/usr/local/bin/apt-get <<'END'
#!/bin/sh
shift
! dpkg-query -W -f '\${db:Status-Status}\n' "$@" | grep -vx installed
END
chmod 755 /usr/local/bin/apt-get
cd /mnt
`;

/**
 * Runs `script` by the shell, as root, in a folder with a copy of `file`, and returns its output. Throws an error with the output
 * when a command fails.
 */
export function onFreshDebian(script: string, file: string): string {
  const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { status, stdout, stderr } = spawnSync('/usr/bin/unshare', [...namespaces, '/bin/sh', '-c', SETUP + script, 'sh', file], {
    encoding: 'utf8',
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`A command has failed:\n${stdout}\n${stderr}`);
  return stdout;
}
