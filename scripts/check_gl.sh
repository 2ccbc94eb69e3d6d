#!/bin/sh
# Make sure that MuJoCo can draw without a screen: check_gl.sh PYTHON
set -eu
packages='libegl1 libgl1-mesa-dri'

draws() {
    "$1" -c 'import mujoco; mujoco.GLContext(16, 16).make_current()' >/dev/null 2>&1
}

draws "$1" && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $packages, which headless rendering needs"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } >/dev/null
    draws "$1" && exit 0
fi
echo "MuJoCo cannot draw without a screen here; on Debian and Ubuntu:"
echo "    sudo apt-get install -y $packages"
exit 1
