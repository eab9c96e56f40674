# What no rule lets in is refused. The rules do not hold in the private network, which is why only
# metrics, health and this region's calls to its core go there.

resource "hcloud_firewall" "edge" {
  name   = "${local.scope}-edge"
  labels = local.labels

  dynamic "rule" {
    for_each = toset(["80", "443"])
    content {
      description = "shoppers"
      direction   = "in"
      protocol    = "tcp"
      port        = rule.value
      source_ips  = ["0.0.0.0/0", "::/0"]
    }
  }

  rule {
    description = "operators"
    direction   = "in"
    protocol    = "tcp"
    port        = "22"
    source_ips  = var.admin_cidrs
  }
}

resource "hcloud_firewall" "core" {
  name   = "${local.scope}-core"
  labels = local.labels

  rule {
    description = "edges and cores call the API"
    direction   = "in"
    protocol    = "tcp"
    port        = tostring(var.api_port)
    source_ips  = var.node_sources
  }

  rule {
    description = "cores replicate"
    direction   = "in"
    protocol    = "tcp"
    port        = tostring(var.raft_port)
    source_ips  = var.core_sources
  }

  rule {
    description = "operators"
    direction   = "in"
    protocol    = "tcp"
    port        = "22"
    source_ips  = var.admin_cidrs
  }
}
