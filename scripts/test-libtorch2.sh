#!/usr/bin/env bash
# Builds and tests the committed state against libtorch 2.6: Debian 13 in a debootstrap chroot. Needs root on Debian or Ubuntu.
#
#   scripts/test-libtorch2.sh [folder of the chroot]     made when it is missing, else used again
#
# DEBIAN_MIRROR names another mirror; npm settings come from the environment (npm_config_registry). ESPALIER_DATA is passed on when set.
set -euo pipefail
cd "$(dirname "$0")/.."
chroot_folder="${1:-${TMPDIR:-/tmp}/espalier-trixie}"
mirror="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"

if ! command -v debootstrap >/dev/null; then apt-get update -qq && apt-get install -y --no-install-recommends debootstrap; fi
if [ ! -e "$chroot_folder/.espalier-ready" ]; then
  debootstrap --variant=minbase --include=ca-certificates,git trixie "$chroot_folder" "$mirror"
  chroot "$chroot_folder" sh -ec '
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y --no-install-recommends nodejs npm g++ cmake make libtorch-dev libgloo-dev'
  touch "$chroot_folder/.espalier-ready"
fi

# What this machine trusts (the certificate of a proxy, say) is trusted inside too.
certificates=/etc/ssl/certs/ca-certificates.crt
cp "$certificates" "$chroot_folder$certificates"

clone="$chroot_folder/opt/espalier"
rm -rf "$clone"
git clone -q . "$clone"
cleanup() { mountpoint -q "$chroot_folder/proc" && umount "$chroot_folder/proc"; mountpoint -q "$chroot_folder/data" && umount "$chroot_folder/data"; }
trap cleanup EXIT
mountpoint -q "$chroot_folder/proc" || mount -t proc proc "$chroot_folder/proc"
data=()
if [ -n "${ESPALIER_DATA:-}" ]; then
  mkdir -p "$chroot_folder/data"
  mount --bind -o ro "$ESPALIER_DATA" "$chroot_folder/data"
  data=(ESPALIER_DATA=/data)
fi
chroot "$chroot_folder" /usr/bin/env HOME=/root CI=true npm_config_cafile="$certificates" "${data[@]}" ${npm_config_registry:+npm_config_registry="$npm_config_registry"} \
  sh -ec 'cd /opt/espalier && dpkg-query -W libtorch-dev nodejs && npm test'
