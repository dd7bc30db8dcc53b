# shellcheck shell=bash
# For scripts that install and build before they begin. To be sourced from where the script was
# called: $0 may be relative.

# help_if_asked ARGUMENT...: for --help, prints the comment that the script begins with, and exits.
help_if_asked() {
    case ${1:-} in
    -h | --help)
        sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
        exit
        ;;
    esac
}

# require_packages LIST...: installs what is missing of Debian's packages in these files; when it may
# not, says what to install and exits with 1.
require_packages() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null; then
        echo "Not a Debian system: needs the likes of the packages in $*" >&2
        return
    fi
    while read -r package; do
        [ "$(dpkg-query -Wf '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done < <(grep -hv '^#' "$@")
    if [ ${#missing[@]} = 0 ]; then
        return
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "Packages are missing. As root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    apt-get -qy install --no-install-recommends "${missing[@]}"
}
