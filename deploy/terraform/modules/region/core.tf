# The volume outlives the server: it is attached by a resource of its own and knows no server.
resource "hcloud_volume" "core" {
  for_each = local.cores

  name              = each.key
  size              = var.core_volume_gb
  location          = var.location
  format            = "ext4"
  delete_protection = var.protect
  labels            = merge(local.labels, { kind = "core" })
}

resource "hcloud_volume_attachment" "core" {
  for_each = local.cores

  volume_id = hcloud_volume.core[each.key].id
  server_id = hcloud_server.core[each.key].id
  automount = false # a systemd unit mounts it, and the core waits for that
}

resource "hcloud_server" "core" {
  for_each = local.cores

  name                     = each.key
  image                    = var.image
  server_type              = var.core_server_type
  location                 = var.location
  placement_group_id       = hcloud_placement_group.this.id
  firewall_ids             = [hcloud_firewall.core.id]
  ssh_keys                 = var.ssh_keys
  labels                   = merge(local.labels, { kind = "core", raft = each.value.core_role })
  user_data                = local.user_data[each.key]
  delete_protection        = var.protect
  rebuild_protection       = var.protect
  shutdown_before_deletion = true

  public_net {
    ipv4         = var.addresses[each.key].id
    ipv6_enabled = false
  }

  network {
    network_id = hcloud_network.this.id
    ip         = each.value.private_ip
  }

  lifecycle {
    ignore_changes = [user_data, image, ssh_keys]
  }

  depends_on = [hcloud_network_subnet.this]
}
