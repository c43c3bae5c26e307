#!/bin/sh
# Makes the certificates of this folder anew, with OpenSSL 3.0 or later. What they are for: README.md.
set -eu
cd "$(dirname -- "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cat >"$scratch/ca.cnf" <<EOF
[ca]
default_ca = authority
[authority]
database = $scratch/index
new_certs_dir = $scratch
rand_serial = yes
default_md = sha256
policy = names
[names]
commonName = supplied
EOF
: >"$scratch/index"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# sign NAME KEY FROM UNTIL EXTENSIONS [SIGNER…]: dates with four digits for the year.
sign() {
  name=$1 key=$2 from=$3 until=$4 extensions=$5
  shift 5
  openssl req -new -key "$key" -subj "/CN=lvscare test $name" -out "$scratch/request"
  printf '%b' "$extensions" >"$scratch/extensions"
  openssl ca -batch -notext -config "$scratch/ca.cnf" -in "$scratch/request" \
    -startdate "$from" -enddate "$until" -extfile "$scratch/extensions" -out "$name.pem" "$@"
}

leaf() { sign "$1" server.key "$2" "$3" "basicConstraints=critical,CA:FALSE\nsubjectAltName=$4\n" \
  -cert authority.pem -keyfile "$scratch/authority.key"; }

long_ago=20000101000000Z past=20010101000000Z future=29000101000000Z far_future=29990101000000Z
names=DNS:good.example,IP:127.0.0.1,IP:::1

key server.key
key "$scratch/authority.key"
sign authority "$scratch/authority.key" $long_ago $far_future "basicConstraints=critical,CA:TRUE\n" \
  -selfsign -keyfile "$scratch/authority.key"
leaf trusted $long_ago $far_future "$names"
leaf expired $long_ago $past "$names"
leaf early $future $far_future "$names"
leaf other_name $long_ago $far_future DNS:other.example
sign self_signed server.key $long_ago $far_future "basicConstraints=critical,CA:FALSE\nsubjectAltName=$names\n" \
  -selfsign -keyfile server.key
