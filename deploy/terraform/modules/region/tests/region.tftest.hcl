mock_provider "hcloud" {
  mock_resource "hcloud_network" {
    defaults = { id = "101" }
  }
  mock_resource "hcloud_placement_group" {
    defaults = { id = "102" }
  }
  mock_resource "hcloud_volume" {
    defaults = { id = "104", linux_device = "/dev/disk/by-id/scsi-0HC_Volume_104" }
  }
  mock_resource "hcloud_server" {
    defaults = { id = "105" }
  }
}

override_resource {
  target = hcloud_firewall.edge
  values = { id = "31" }
}

override_resource {
  target = hcloud_firewall.core
  values = { id = "32" }
}

variables {
  name_prefix  = "shop"
  name         = "eu"
  location     = "fsn1"
  network_zone = "eu-central"
  cidr         = "10.1.0.0/16"
  subnet_cidr  = "10.1.1.0/24"
  nodes = {
    "shop-core-eu"    = { kind = "core", core_role = "voter", private_ip = "10.1.1.5" }
    "shop-edge-eu-01" = { kind = "edge", core_role = "none", private_ip = "10.1.1.10" }
    "shop-edge-eu-02" = { kind = "edge", core_role = "none", private_ip = "10.1.1.11" }
  }
  addresses = {
    "shop-core-eu"    = { id = "1", ipv4 = "203.0.113.1" }
    "shop-edge-eu-01" = { id = "2", ipv4 = "203.0.113.11" }
    "shop-edge-eu-02" = { id = "3", ipv4 = "203.0.113.12" }
  }
  node_sources = ["203.0.113.1/32", "203.0.113.11/32", "203.0.113.12/32"]
  core_sources = ["203.0.113.1/32"]
  admin_cidrs  = ["198.51.100.7/32"]
  ssh_keys     = ["operator"]
  releases = {
    core = { url = "https://releases.shop.example/core", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    edge = { url = "https://releases.shop.example/edge", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  }
}

run "servers" {
  assert {
    condition     = join(" ", [for s in hcloud_server.edge : s.name]) == "shop-edge-eu-01 shop-edge-eu-02" && join(" ", [for s in hcloud_server.core : s.name]) == "shop-core-eu"
    error_message = "The servers are not the nodes."
  }

  assert {
    condition = alltrue([for name in concat(
      [for s in hcloud_server.edge : s.name], [for s in hcloud_server.core : s.name], [for v in hcloud_volume.core : v.name],
      [hcloud_network.this.name, hcloud_placement_group.this.name, hcloud_firewall.edge.name, hcloud_firewall.core.name],
    ) : startswith(name, "shop-")])
    error_message = "Every name begins with the prefix, or a second shop in the project clashes."
  }

  assert {
    condition     = alltrue([for s in concat(values(hcloud_server.edge), values(hcloud_server.core)) : s.placement_group_id == 102 && s.shutdown_before_deletion && one(s.network).network_id == 101 && s.location == "fsn1"])
    error_message = "A server is not in the group or network, or is deleted without a shutdown."
  }

  assert {
    condition     = one(hcloud_server.core["shop-core-eu"].public_net).ipv4 == 1 && one(hcloud_server.edge["shop-edge-eu-02"].public_net).ipv4 == 3
    error_message = "A server has another's address."
  }

  assert {
    condition     = tolist(hcloud_server.core["shop-core-eu"].firewall_ids) == tolist([32]) && tolist(hcloud_server.edge["shop-edge-eu-01"].firewall_ids) == tolist([31])
    error_message = "A server is behind the wrong firewall."
  }

  assert {
    condition     = hcloud_volume.core["shop-core-eu"].delete_protection && hcloud_server.core["shop-core-eu"].delete_protection && hcloud_volume.core["shop-core-eu"].format == "ext4"
    error_message = "A core and its volume are protected by default."
  }

  assert {
    condition     = strcontains(hcloud_server.core["shop-core-eu"].user_data, "scsi-0HC_Volume_104") && !strcontains(hcloud_server.edge["shop-edge-eu-01"].user_data, "scsi-0HC_Volume")
    error_message = "The core mounts its volume, an edge has none."
  }

  assert {
    condition = alltrue(flatten([for name, s in merge(hcloud_server.edge, hcloud_server.core) : [
      for other, a in var.addresses : other == name || !strcontains(s.user_data, other) && !can(regex("\\b${replace(a.ipv4, ".", "\\.")}\\b", s.user_data))
    ]]))
    error_message = "What a server is told at its first boot names another node: a change of membership would replace it."
  }
}

run "firewalls" {
  assert {
    condition     = alltrue([for r in hcloud_firewall.core.rule : !contains(r.source_ips, "0.0.0.0/0") && !contains(r.source_ips, "::/0")])
    error_message = "Nothing of a core is open to everybody."
  }

  assert {
    condition     = toset(one([for r in hcloud_firewall.core.rule : r.source_ips if r.port == "8100"])) == toset(var.node_sources) && toset(one([for r in hcloud_firewall.core.rule : r.source_ips if r.port == "8110"])) == toset(var.core_sources)
    error_message = "The API is for the nodes, Raft for the cores."
  }

  assert {
    condition     = toset([for r in hcloud_firewall.edge.rule : r.port if contains(r.source_ips, "0.0.0.0/0")]) == toset(["80", "443"])
    error_message = "Shoppers reach 80 and 443 and nothing else."
  }

  assert {
    condition     = toset([for r in concat(tolist(hcloud_firewall.core.rule), tolist(hcloud_firewall.edge.rule)) : join(",", r.source_ips) if r.port == "22"]) == toset(["198.51.100.7/32"])
    error_message = "SSH is for operators."
  }
}

run "a_region_without_a_core" {
  variables {
    nodes = { "shop-edge-eu-01" = { kind = "edge", core_role = "none", private_ip = "10.1.1.10" } }
  }

  assert {
    condition     = length(hcloud_server.core) == 0 && length(hcloud_volume.core) == 0 && length(hcloud_server.edge) == 1 && output.core_ipv4 == null
    error_message = "A region without a core has no core server and no volume."
  }
}

run "two_cores_are_refused" {
  command = plan
  variables {
    nodes = {
      "shop-core-eu"   = { kind = "core", core_role = "voter", private_ip = "10.1.1.5" }
      "shop-core-eu-2" = { kind = "core", core_role = "voter", private_ip = "10.1.1.6" }
    }
    addresses = { "shop-core-eu" = { id = "1", ipv4 = "203.0.113.1" }, "shop-core-eu-2" = { id = "2", ipv4 = "203.0.113.2" } }
  }
  expect_failures = [var.nodes]
}

run "a_name_without_the_prefix_is_refused" {
  command = plan
  variables {
    nodes     = { "core-eu" = { kind = "core", core_role = "voter", private_ip = "10.1.1.5" } }
    addresses = { "core-eu" = { id = "1", ipv4 = "203.0.113.1" } }
  }
  expect_failures = [var.nodes]
}

run "ssh_for_everybody_is_refused" {
  command = plan
  variables {
    admin_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.admin_cidrs]
}

run "no_key_is_refused" {
  command = plan
  variables {
    ssh_keys = []
  }
  expect_failures = [var.ssh_keys]
}
