# Public addresses, apart from the servers that have them: they are known before any server exists, so
# that firewalls can name them, and they stay when a server is replaced.

resource "hcloud_primary_ip" "node" {
  for_each = var.nodes

  name              = each.key
  type              = "ipv4"
  location          = each.value.location
  assignee_type     = "server"
  auto_delete       = false
  delete_protection = var.protect
  labels            = { shop = var.name_prefix, region = each.value.region, kind = each.value.kind }
}
