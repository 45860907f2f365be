"""A lab host that keeps copies of backups: one user who may keep files over ssh, and do nothing else."""

USER = "digione-backup"
# The same as docs/how-to/backup.md says for a host of one's own. Standard input goes on with the public keys.
INSTALL = f"""\
set -eu
id -u {USER} >/dev/null 2>&1 || useradd --create-home --shell /usr/sbin/nologin {USER}
install -d -o {USER} -g {USER} -m 0700 /home/{USER}/.ssh
cat >/etc/ssh/sshd_config.d/10-{USER}.conf <<'END'
Match User {USER}
  ForceCommand internal-sftp
END
systemctl reload ssh
key=$(cat)
keys=/home/{USER}/.ssh/authorized_keys
touch $keys
grep -qxF "$key" $keys || echo "$key" >>$keys
chown {USER}:{USER} $keys
"""
