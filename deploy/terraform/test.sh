#!/bin/sh
# What `make terraform-test` runs: the pinned provider is built through the Go module proxy (once, into
# the user's cache), then every module is formatted, initialised, validated and tested with a mocked
# provider, and what machines get at their first boot is checked. Nothing reaches a cloud, nothing is
# written into the clone.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
provider=github.com/hetznercloud/terraform-provider-hcloud
source=hetznercloud/hcloud
GO=${GO:-go}
export GOWORK=off CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_CLI_ARGS=-no-color

say() { echo "terraform-test: $*"; }
fail() { say "$*" >&2; exit 1; }

command -v terraform >/dev/null 2>&1 ||
	fail "terraform is missing: install version 1.9 or newer from your system's packages or its maker's download page, and put it into PATH"
command -v "$GO" >/dev/null 2>&1 ||
	fail "go is missing: the provider is built from its pinned source; install Go, or set GO"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# 1. The provider. go.sum pins its source, the name of the directory pins the build.
version=$(sed -n "s|^require $provider v||p" "$here/providers/go.mod")
[ -n "$version" ] || fail "deploy/terraform/providers/go.mod has no line: require $provider v…"
platform=$("$GO" env GOOS)_$("$GO" env GOARCH)
pin=$(cat "$here/providers/go.mod" "$here/providers/go.sum" | cksum | tr ' ' -)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/meridian/terraform/hcloud-$version-$platform-$pin
binary=$cache/terraform-provider-hcloud_v$version
if [ ! -x "$binary" ]; then
	say "building the provider hcloud $version (once; 2 to 5 minutes), 1/2: source through the Go module proxy"
	how="It is not needed for anything else. To get it: allow go to reach its module proxy (go env GOPROXY) and run make terraform-test again"
	"$GO" -C "$here/providers" mod download ||
		fail "the provider's source could not be fetched and verified against deploy/terraform/providers/go.sum. $how"
	say "building the provider hcloud $version, 2/2: compiling"
	mkdir -p "$cache"
	CGO_ENABLED=0 nice "$GO" -C "$here/providers" build -buildvcs=false -p 2 -trimpath -ldflags='-s -w' -o "$binary.new" "$provider" ||
		fail "the provider does not build. $how"
	mv "$binary.new" "$binary"
fi

# 2. A mirror of files that holds it. Its first directory is the host which terraform adds to the
# provider's source; terraform is asked for it.
mkdir "$work/ask"
printf 'terraform {\n  required_providers {\n    hcloud = {\n      source = "%s"\n    }\n  }\n}\n' "$source" >"$work/ask/main.tf"
printf 'disable_checkpoint = true\n' >"$work/terraformrc"
export TF_CLI_CONFIG_FILE="$work/terraformrc"
unset TF_PLUGIN_CACHE_DIR TF_DATA_DIR TF_CLI_ARGS_init TF_CLI_ARGS_test TF_CLI_ARGS_plan TF_CLI_ARGS_apply TF_WORKSPACE || true
host=$(terraform -chdir="$work/ask" providers | sed -n "s|.*provider\[\(.*\)/$source\].*|\1|p" | head -n 1)
[ -n "$host" ] || fail "terraform providers does not name the host of $source; is this terraform older than 1.9?"
mirror=$work/mirror/$host/$source/$version/$platform
mkdir -p "$mirror"
cp "$binary" "$mirror/"
cat >"$work/terraformrc" <<EOF
provider_installation {
  filesystem_mirror {
    path = "$work/mirror"
  }
}
disable_checkpoint = true
EOF

# 3. Modules and example, on a copy, since init writes beside what it reads.
say "format"
terraform fmt -check -diff -recursive "$here" || fail "not formatted: run terraform fmt -recursive deploy/terraform"
[ -z "$(find "$here" -name .terraform.lock.hcl)" ] ||
	fail "a .terraform.lock.hcl lies in deploy/terraform: a lock made with a provider of one's own build breaks everybody else's init; delete it"
cp -R "$here/modules" "$here/examples" "$work/"
for module in modules/config modules/node modules/addresses modules/region examples/three-regions; do
	say "$module: init and validate"
	terraform -chdir="$work/$module" init -input=false >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "init failed in $module"; }
	terraform -chdir="$work/$module" validate >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "validate failed in $module"; }
	if [ -d "$work/$module/tests" ]; then
		say "$module: test"
		terraform -chdir="$work/$module" test || fail "the tests of $module failed"
	fi
done

# 4. A plan by the provider itself, which sees what a mock lets through. A plan of new resources asks no
# cloud; the endpoint makes sure of it.
say "examples/three-regions: plan with the provider itself, offline"
example=$work/examples/three-regions
cp "$example/terraform.tfvars.example" "$example/terraform.tfvars"
HCLOUD_TOKEN=$(printf '%064d' 0) HCLOUD_ENDPOINT=http://127.0.0.1:1 terraform -chdir="$example" plan -input=false >"$work/log" 2>&1 ||
	{ cat "$work/log" >&2; fail "no plan of the example"; }
# 9 addresses; in each of 3 regions 3 servers, 2 firewalls, network, subnet, placement group, volume, attachment.
grep -q '^Plan: 39 to add, 0 to change, 0 to destroy' "$work/log" ||
	{ grep '^Plan:' "$work/log" >&2; fail "the plan of the example is not 39 resources to add"; }

# 5. What machines get.
sh "$here/modules/node/check.sh" "$work/modules/node" "$repository" || fail "what machines get at their first boot is not right"
say "ok"
