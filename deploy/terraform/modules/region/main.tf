# One region: a private network, firewalls, the edges and at most one core with a volume for its data.

locals {
  cores = { for name, n in var.nodes : name => n if n.kind == "core" }
  edges = { for name, n in var.nodes : name => n if n.kind == "edge" }
  scope = "${var.name_prefix}-${var.name}"
  # Labels select what belongs to one shop and region.
  labels = { shop = var.name_prefix, region = var.name }
  # One value for servers and for the output, which tests compare.
  user_data = { for name, n in module.node : name => n.user_data }
}

resource "hcloud_network" "this" {
  name     = local.scope
  ip_range = var.cidr
  labels   = local.labels
}

resource "hcloud_network_subnet" "this" {
  network_id   = hcloud_network.this.id
  type         = "cloud"
  network_zone = var.network_zone
  ip_range     = var.subnet_cidr
}

# Each server of a region on another machine.
resource "hcloud_placement_group" "this" {
  name   = local.scope
  type   = "spread"
  labels = local.labels
}

module "node" {
  source   = "../node"
  for_each = var.nodes

  name          = each.key
  kind          = each.value.kind
  region        = var.name
  public_ip     = var.addresses[each.key].ipv4
  private_ip    = each.value.private_ip
  release       = var.releases[each.value.kind]
  settings      = each.value.kind == "core" ? var.core_settings : var.edge_settings
  volume_device = each.value.kind == "core" ? hcloud_volume.core[each.key].linux_device : null
  api_port      = var.api_port
  raft_port     = var.raft_port
}

resource "hcloud_server" "edge" {
  for_each = local.edges

  name                     = each.key
  image                    = var.image
  server_type              = var.edge_server_type
  location                 = var.location
  placement_group_id       = hcloud_placement_group.this.id
  firewall_ids             = [hcloud_firewall.edge.id]
  ssh_keys                 = var.ssh_keys
  labels                   = merge(local.labels, { kind = "edge" })
  user_data                = local.user_data[each.key]
  shutdown_before_deletion = true

  public_net {
    ipv4         = var.addresses[each.key].id
    ipv6_enabled = false
  }

  network {
    network_id = hcloud_network.this.id
    ip         = each.value.private_ip
  }

  # What a machine is told at its first boot cannot reach one that runs; without this line a new
  # release would replace every server at once. They are replaced one by one, with -replace.
  lifecycle {
    ignore_changes = [user_data, image, ssh_keys]
  }

  depends_on = [hcloud_network_subnet.this]
}
