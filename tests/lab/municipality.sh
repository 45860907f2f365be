#!/bin/bash
# What a municipality has already, as its administrators would set it up: PostgreSQL and a mail relay, each
# with a certificate of the municipality's own authority. Run as root; ADDRESS is that of the instance's host,
# PASSWORD that of the role and of the account which the administrators give away.
set -eu
ADDRESS=$1 PASSWORD=$2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --no-install-recommends postgresql-15 exim4-daemon-light openssl >/dev/null

cd /etc/ssl/private
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout kunta.key -out kunta.pem -days 30 \
  -subj "/CN=Kunnan varmentaja" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj "/CN=palvelin"
openssl x509 -req -in server.csr -CA kunta.pem -CAkey kunta.key -CAcreateserial -out server.pem -days 30 \
  -extfile <(echo "subjectAltName=DNS:tietokanta.kunta.test,DNS:posti.kunta.test")

install -o postgres -m 0600 server.key server.pem /var/lib/postgresql/
cat >/etc/postgresql/15/main/conf.d/kunta.conf <<END
listen_addresses = '*'
ssl_cert_file = '/var/lib/postgresql/server.pem'
ssl_key_file = '/var/lib/postgresql/server.key'
fsync = off
END
cat >>/etc/postgresql/15/main/pg_hba.conf <<END
hostssl postgres digione,digione_exporter $ADDRESS/32 scram-sha-256
hostssl sameuser all $ADDRESS/32 scram-sha-256
END
systemctl restart postgresql@15-main
runuser -u postgres -- psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --set password="$PASSWORD" <<'END'
CREATE ROLE digione LOGIN CREATEDB CREATEROLE PASSWORD :'password';
GRANT pg_monitor TO digione WITH ADMIN OPTION;
END

useradd --create-home it
install -o Debian-exim -m 0600 server.key server.pem /etc/exim4/
echo "digione: $PASSWORD" >/etc/exim4/accounts
cat >/etc/exim4/exim4.conf <<'END'
primary_hostname = posti.kunta.test
daemon_smtp_ports = 587
tls_advertise_hosts = *
tls_certificate = /etc/exim4/server.pem
tls_privatekey = /etc/exim4/server.key
auth_advertise_hosts = ${if def:tls_in_cipher {*}}
acl_smtp_rcpt = recipient
begin acl
recipient:
  require message = tell who you are
          authenticated = *
  accept domains = kunta.test
begin routers
here:
  driver = accept
  check_local_user
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = $home/Maildir
  maildir_format
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${if eq {$auth3} {${lookup {$auth2} lsearch {/etc/exim4/accounts}}}}
  server_set_id = $auth2
END
systemctl restart exim4
