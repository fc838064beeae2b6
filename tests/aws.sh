# Sourced: install_aws puts Amazon's command line into target/tools/aws, where the scenarios look for it before they look
# elsewhere: Debian's is too old to be told of another server by AWS_ENDPOINT_URL.

install_aws() {
    local version=1.45.11 place=target/tools/aws
    [[ "$("$place/bin/aws" --version 2>/dev/null)" != "aws-cli/$version "* ]] || return 0
    python3 -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check "awscli==$version"
}
