#!/bin/sh
# Renders what a core and an edge get and checks it with the tools that will read it: settings against
# the programs' flags, units with systemd-analyze, user data with cloud-init, the installer by running it.
# Usage: check.sh COPY-OF-THIS-MODULE REPOSITORY
set -eu
module=$1
repository=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "terraform-test: node: $*"; }
fail() { say "$*" >&2; exit 1; }

cat >"$work/main.tf" <<EOF
module "core" {
  source        = "$module"
  name          = "shop-core-eu"
  kind          = "core"
  region        = "eu"
  public_ip     = "203.0.113.1"
  private_ip    = "10.1.1.5"
  volume_device = "/dev/disk/by-id/scsi-0HC_Volume_1"
  release       = local.release
}
module "edge" {
  source     = "$module"
  name       = "shop-edge-eu-01"
  kind       = "edge"
  region     = "eu"
  public_ip  = "203.0.113.11"
  private_ip = "10.1.1.10"
  release    = local.release
  settings   = { EDGE_S3_ENDPOINT = "s3.shop.example:443", EDGE_CLICKHOUSE_USER = "meridian" }
}
locals {
  release = { url = "https://releases.shop.example/x", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
}
output "core_user_data" { value = module.core.user_data }
output "edge_user_data" { value = module.edge.user_data }
output "core_environment" { value = module.core.environment }
output "edge_environment" { value = module.edge.environment }
output "core_service" { value = module.core.units["meridian-core.service"] }
output "edge_service" { value = module.edge.units["meridian-edge.service"] }
output "core_path" { value = module.core.units["meridian-core.path"] }
output "edge_path" { value = module.edge.units["meridian-edge.path"] }
output "install" { value = module.core.units["meridian-install.service"] }
output "data_mount" { value = module.core.units["var-lib-meridian.mount"] }
EOF
terraform -chdir="$work" init -input=false >"$work/log" 2>&1 && terraform -chdir="$work" apply -auto-approve >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "does not render"; }
get() { terraform -chdir="$work" output -raw "$1"; }

# Every variable is the twin of a flag: a misspelt one would be ignored without a word.
for kind in core edge; do
	flags=$(sed -n 's/.*fs\.[A-Za-z0-9]*Var(&[^,]*, "\([a-z0-9-]*\)".*/\1/p; s/.*fs\.Var(&[^,]*, "\([a-z0-9-]*\)".*/\1/p' "$repository/cmd/$kind/options.go" "$repository/internal/nodetls/settings.go")
	prefix=$(echo "$kind" | tr a-z A-Z)
	known=$(for flag in $flags; do echo "${prefix}_$(echo "$flag" | tr a-z- A-Z_)"; done)
	used=$( { get "${kind}_environment"; get "${kind}_service" | sed -n 's/^Environment=//p'; } | sed 's/=.*//')
	[ "$(echo "$known" | wc -l)" -ge 10 ] || fail "cmd/$kind/options.go shows too few flags: the check would check nothing"
	for variable in $used "${prefix}_$([ "$kind" = core ] && echo PEERS || echo CORES)"; do
		echo "$known" | grep -qx "$variable" || fail "$variable belongs to no flag of cmd/$kind"
	done
	say "$kind: $(echo "$used" | wc -l) variables, each the twin of a flag"
done

if command -v systemd-analyze >/dev/null 2>&1; then
	root=$work/root
	mkdir -p "$root/etc/systemd/system" "$root/usr/local/bin" "$root/usr/local/sbin" "$root/etc/meridian/cluster"
	for program in bin/core bin/edge sbin/meridian-install; do
		printf '#!/bin/sh\n' >"$root/usr/local/$program"
		chmod 0755 "$root/usr/local/$program"
	done
	units=$root/etc/systemd/system
	get core_service >"$units/meridian-core.service"
	get edge_service >"$units/meridian-edge.service"
	get core_path >"$units/meridian-core.path"
	get edge_path >"$units/meridian-edge.path"
	get install >"$units/meridian-install.service"
	get data_mount >"$units/var-lib-meridian.mount"
	# verify looks for the programs on this machine, where they need not be.
	for unit in meridian-core.service meridian-edge.service meridian-core.path meridian-edge.path meridian-install.service var-lib-meridian.mount; do
		SYSTEMD_UNIT_PATH="$units:" systemd-analyze verify --man=no --recursive-errors=no "$units/$unit" 2>&1 |
			grep -e "$units" -e "$unit" | grep -v 'is not executable: No such file' >"$work/found" || true
		[ ! -s "$work/found" ] || { cat "$work/found" >&2; fail "$unit: systemd refuses or ignores a line"; }
	done
	for unit in meridian-core.service meridian-edge.service meridian-install.service; do
		systemd-analyze security --offline=true --threshold=25 "$units/$unit" >"$work/log" 2>&1 ||
			{ tail -n 3 "$work/log" >&2; fail "$unit: exposed more than 2.5 of 10 (systemd-analyze security)"; }
		say "$unit: $(tail -n 1 "$work/log" | sed 's/.*exposure level[^:]*: //; s/ [^ ]*$//')"
	done
else
	say "systemd-analyze is not here: units are not checked"
fi

if command -v cloud-init >/dev/null 2>&1; then
	for kind in core edge; do
		get "${kind}_user_data" >"$work/$kind.yaml"
		cloud-init schema --config-file "$work/$kind.yaml" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$kind: cloud-init refuses the user data"; }
	done
else
	say "cloud-init is not here: user data is checked as YAML only"
fi

# The installer, with a download that is a file here.
mkdir -p "$work/path" "$work/installed"
cat >"$work/path/curl" <<'EOF'
#!/bin/sh
while [ "$1" != --output ]; do shift; done
cp "$FAKE_DOWNLOAD" "$2"
EOF
chmod 0755 "$work/path/curl"
install_from() {
	PATH="$work/path:$PATH" FAKE_DOWNLOAD=$1 RELEASE_URL=https://releases.shop.example/x RELEASE_SHA256=$2 INSTALL_DIR="$work/installed" \
		sh "$module/templates/install.sh" core >"$work/log" 2>&1
}
echo first >"$work/first"
echo second >"$work/second"
sum() { sha256sum "$1" | cut -d ' ' -f 1; }
install_from "$work/first" "$(sum "$work/first")" && cmp -s "$work/first" "$work/installed/core" && [ -x "$work/installed/core" ] || { cat "$work/log" >&2; fail "the installer does not install"; }
if install_from "$work/first" "$(sum "$work/second")"; then fail "the installer takes a program with another hash"; fi
cmp -s "$work/first" "$work/installed/core" || fail "a refused download replaced the installed program"
install_from "$work/second" "$(sum "$work/second")" && cmp -s "$work/second" "$work/installed/core" || fail "the installer does not update"
[ "$(ls "$work/installed")" = core ] || fail "the installer leaves files behind"
say "the installer installs, refuses a wrong hash, updates"
