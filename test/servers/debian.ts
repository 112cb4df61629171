// A Debian on which nobody has done anything since its packages were installed: this machine, in namespaces of its own.
// What is changed there is gone with the last command, and no port, process or file of this machine is touched.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

/** Without /run/systemd, `service` starts what /etc/init.d has. What is under /tmp has to be taken along before that is covered. */
const SETUP = `set -e
ip link set lo up
mount -t tmpfs fresh /mnt
cp -r ${dist} /mnt/dist
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

/** Runs `script` by the shell, as root and up to the first command that fails, and returns what it prints. Throws, with that, when one does. */
export function onFreshDebian(script: string): string {
  const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { status, stdout, stderr } = spawnSync('/usr/bin/unshare', [...namespaces, '/bin/sh', '-c', SETUP + script], {
    encoding: 'utf8',
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`A command has failed:\n${stdout}\n${stderr}`);
  return stdout;
}
