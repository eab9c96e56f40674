# What a machine is told at its first boot. No provider and no resource, so that the text can be tested
# for what it is. It names no other node and holds no secret: those are files that an operator places.

locals {
  placed = "/etc/meridian/cluster"

  # File in the directory of what is placed => variable that names it, or "" for none.
  secrets = var.kind == "core" ? {
    cluster-token = "CORE_CLUSTER_TOKEN_FILE"
    keyring       = "CORE_KEYRING"
    "staff.json"  = "CORE_STAFF_FILE"
    "node.crt"    = "CORE_TLS_CERT"
    "node.key"    = "CORE_TLS_KEY"
    "ca.crt"      = "CORE_TLS_CA"
    } : merge(
    {
      cluster-token = "EDGE_CLUSTER_TOKEN_FILE"
      cookie-secret = "EDGE_COOKIE_SECRET_FILE"
      "node.crt"    = "EDGE_TLS_CERT"
      "node.key"    = "EDGE_TLS_KEY"
      "ca.crt"      = "EDGE_TLS_CA"
    },
    contains(keys(var.settings), "EDGE_S3_ENDPOINT") ? { s3-secret-key = "EDGE_S3_SECRET_KEY_FILE" } : {},
    contains(keys(var.settings), "EDGE_CLICKHOUSE_USER") ? { clickhouse-password = "EDGE_CLICKHOUSE_PASSWORD_FILE" } : {},
  )

  # The API answers on every address: edges of the region call the private one. The firewall decides
  # who may. Raft listens on one address, since it is also the one that the others are told.
  own = var.kind == "core" ? {
    CORE_ID            = var.name
    CORE_REGION        = var.region
    CORE_DATA          = "/var/lib/meridian/core"
    CORE_API_ADDR      = "0.0.0.0:${var.api_port}"
    CORE_API_ADVERTISE = "${var.public_ip}:${var.api_port}"
    CORE_RAFT_ADDR     = "${var.public_ip}:${var.raft_port}"
    CORE_OPS_ADDR      = "${var.private_ip}:8120"
    } : {
    EDGE_ID       = var.name
    EDGE_REGION   = var.region
    EDGE_ADDR     = "0.0.0.0:80"
    EDGE_OPS_ADDR = "${var.private_ip}:8090"
    EDGE_SPOOL    = "/var/lib/meridian/edge/spool"
  }

  units = merge(
    {
      "meridian-install.service" = templatefile("${path.module}/templates/install.service.tftpl", { kind = var.kind })
      "meridian-${var.kind}.service" = templatefile("${path.module}/templates/node.service.tftpl", {
        kind = var.kind, name = var.name, placed = local.placed, secrets = local.secrets
      })
      "meridian-${var.kind}.path" = templatefile("${path.module}/templates/node.path.tftpl", { kind = var.kind, placed = local.placed })
    },
    var.volume_device == null ? {} : {
      "var-lib-meridian.mount" = templatefile("${path.module}/templates/data.mount.tftpl", { device = var.volume_device })
    },
  )

  environment = join("", [for name, value in merge(var.settings, local.own) : "${name}=${value}\n"])

  files = concat(
    [
      { path = "/etc/meridian/${var.kind}.env", permissions = "0644", content = local.environment },
      { path = "/etc/meridian/release.env", permissions = "0644", content = "RELEASE_URL=${var.release.url}\nRELEASE_SHA256=${var.release.sha256}\n" },
      { path = "/usr/local/sbin/meridian-install", permissions = "0755", content = file("${path.module}/templates/install.sh") },
      { path = "${local.placed}/README", permissions = "0600", content = templatefile("${path.module}/templates/placed.tftpl", { kind = var.kind, files = local.wanted }) },
    ],
    [for name, text in local.units : { path = "/etc/systemd/system/${name}", permissions = "0644", content = text }],
  )

  wanted = sort(concat(["cluster.env"], keys(local.secrets)))

  user_data = "#cloud-config\n${yamlencode({
    hostname       = var.name
    packages       = ["ca-certificates", "curl", "unattended-upgrades"]
    package_update = true
    ssh_pwauth     = false
    users          = ["default", { name = "meridian", system = true, no_create_home = true, shell = "/usr/sbin/nologin" }]
    write_files    = local.files
    runcmd = [
      ["chmod", "0700", local.placed],
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "meridian-install.service", "meridian-${var.kind}.service", "meridian-${var.kind}.path"],
      ["systemctl", "start", "--no-block", "meridian-install.service", "meridian-${var.kind}.path"],
    ]
  })}"
}
