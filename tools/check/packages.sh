# Sourced by tools/setup and tools/test: installs Debian packages that are missing, or says how.
#   need_packages NAME...    returns when all are there; exits 4 with the exact line when they cannot be installed

need_packages() {
  missing=
  for package in "$@"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    case $status in
      installed*) ;;  # once for every architecture
      *) missing="$missing $package" ;;
    esac
  done
  [ -n "$missing" ] || return 0
  line="apt-get install -y --no-install-recommends$missing"
  if ! command -v apt-get >/dev/null 2>&1; then
    printf 'These Debian packages (or their like on this system) are missing:%s\n' "$missing" >&2
    exit 4
  fi
  if [ "$(id -u)" != 0 ]; then
    printf 'Some packages are missing. Run this line, then run this command again:\n    sudo %s\n' "$line" >&2
    exit 4
  fi
  printf '  missing %s\n  running  %s\n' "$missing" "$line"
  log=$root/build/packages.log
  mkdir -p "$root/build"
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive $line; } >"$log" 2>&1; then
    printf 'The packages could not be installed. The last lines of %s:\n' "$log" >&2
    tail -n 15 "$log" >&2
    exit 4
  fi
}

# What the build needs; what the tests need beyond it.
build_packages="g++ cmake ninja-build zlib1g-dev libcli11-dev nlohmann-json3-dev libtomlplusplus-dev libstb-dev dataset-fashion-mnist"
test_packages="doctest-dev clang-format python3 pandoc"

# The command that compiles: one job a core.
configure() {  # configure FOLDER [cmake options]
  folder=$1
  shift
  cmake -G Ninja -S "$root" -B "$folder" "$@" >"$root/build/configure.log" 2>&1 || {
    printf 'cmake failed. The last lines of %s:\n' "$root/build/configure.log" >&2
    tail -n 15 "$root/build/configure.log" >&2
    exit 1
  }
}

compile() {  # compile FOLDER [targets]
  folder=$1
  shift
  if [ -t 1 ]; then
    ninja -C "$folder" "$@" | tee "$root/build/compile.log" && status=0 || status=1
  else
    ninja -C "$folder" --quiet "$@" >"$root/build/compile.log" 2>&1 && status=0 || status=1
  fi
  if [ "$status" != 0 ] || grep -q '^FAILED' "$root/build/compile.log"; then
    printf 'The build failed. From %s:\n' "$root/build/compile.log" >&2
    grep -A 12 '^FAILED' "$root/build/compile.log" | head -n 40 >&2
    exit 1
  fi
}
