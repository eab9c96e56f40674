# A mocked provider: the real schema, no cloud. Addresses and ids are given, so that they can be told apart.

mock_provider "hcloud" {
  mock_resource "hcloud_network" {
    defaults = { id = "101" }
  }
  mock_resource "hcloud_placement_group" {
    defaults = { id = "102" }
  }
  mock_resource "hcloud_firewall" {
    defaults = { id = "103" }
  }
  mock_resource "hcloud_volume" {
    defaults = { id = "104", linux_device = "/dev/disk/by-id/scsi-0HC_Volume_104" }
  }
  mock_resource "hcloud_server" {
    defaults = { id = "105" }
  }
  mock_resource "hcloud_primary_ip" {
    defaults = { id = "106", ip_address = "203.0.113.200" }
  }
}

override_resource {
  target = module.addresses.hcloud_primary_ip.node["shop-core-eu"]
  values = { id = "201", ip_address = "203.0.113.1" }
}

override_resource {
  target = module.addresses.hcloud_primary_ip.node["shop-core-us"]
  values = { id = "202", ip_address = "203.0.113.2" }
}

override_resource {
  target = module.addresses.hcloud_primary_ip.node["shop-core-ap"]
  values = { id = "203", ip_address = "203.0.113.3" }
}

variables {
  shop_url     = "https://shop.example"
  payments_url = "https://payments.shop.example"
  admin_cidrs  = ["198.51.100.7/32"]
  ssh_keys     = ["operator"]
  releases = {
    core = { url = "https://releases.shop.example/core", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    edge = { url = "https://releases.shop.example/edge", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  }
}

run "three_regions" {
  assert {
    condition     = join(" ", keys(module.region)) == "ap eu us" && length(output.node_ipv4) == 9
    error_message = "Three regions with a core and two edges each are nine nodes."
  }

  assert {
    condition     = alltrue([for name in keys(output.node_ipv4) : startswith(name, "shop-")])
    error_message = "Every name begins with the prefix."
  }

  assert {
    condition     = output.cluster_files["shop-core-eu"] == "CORE_PEERS=shop-core-ap=ap@203.0.113.3:8110@203.0.113.3:8100,shop-core-eu=eu@203.0.113.1:8110@203.0.113.1:8100,shop-core-us=us@203.0.113.2:8110@203.0.113.2:8100\n"
    error_message = "The first members are not the three voters at their public addresses."
  }

  assert {
    condition     = jsonencode(output.edge_ipv4["eu"]) == jsonencode({ "shop-edge-eu-01" = "203.0.113.200", "shop-edge-eu-02" = "203.0.113.200" })
    error_message = "The edges' public addresses are wrong."
  }

  assert {
    condition     = output.scrape_targets["us"] == tolist(["10.2.1.10:8090", "10.2.1.11:8090", "10.2.1.5:8120"])
    error_message = "Metrics are scraped in the private network."
  }
}

run "another_region_with_edges_only" {
  variables {
    regions = {
      eu  = { location = "fsn1", cidr = "10.1.0.0/16", core_role = "voter" }
      us  = { location = "ash", cidr = "10.2.0.0/16", core_role = "voter", currency = "USD", country = "US" }
      ap  = { location = "sin", cidr = "10.3.0.0/16", core_role = "voter", currency = "SGD", country = "SG" }
      usw = { location = "hil", cidr = "10.4.0.0/16", currency = "USD", country = "US" }
    }
  }

  assert {
    condition     = length(output.node_ipv4) == 11 && !contains(keys(output.placed_files), "shop-core-usw")
    error_message = "A region without a core has edges only."
  }

  assert {
    condition     = alltrue([for name, sum in run.three_regions.user_data_sha256 : output.user_data_sha256[name] == sum])
    error_message = "A region more changes what other servers are told at their first boot: that would replace them."
  }
}

run "fewer_voters" {
  variables {
    regions = {
      eu = { location = "fsn1", cidr = "10.1.0.0/16", core_role = "voter" }
      us = { location = "ash", cidr = "10.2.0.0/16", core_role = "learner", currency = "USD", country = "US" }
      ap = { location = "sin", cidr = "10.3.0.0/16", core_role = "none", currency = "SGD", country = "SG" }
    }
  }

  assert {
    condition     = output.cluster_files["shop-edge-us-01"] != run.three_regions.cluster_files["shop-edge-us-01"]
    error_message = "The edges must be told: the test would test nothing."
  }

  assert {
    condition     = alltrue([for name, sum in output.user_data_sha256 : run.three_regions.user_data_sha256[name] == sum])
    error_message = "A change of membership changes what servers are told at their first boot: that would replace them."
  }
}

run "a_release_changes_user_data" {
  variables {
    releases = {
      core = { url = "https://releases.shop.example/core", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
      edge = { url = "https://releases.shop.example/edge-2", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    }
  }

  assert {
    condition     = output.user_data_sha256["shop-edge-eu-01"] != run.three_regions.user_data_sha256["shop-edge-eu-01"] && output.user_data_sha256["shop-core-eu"] == run.three_regions.user_data_sha256["shop-core-eu"]
    error_message = "A new release of the edge is for the edges; without this the comparisons above could not fail."
  }
}

run "two_voters_are_refused" {
  command = plan

  variables {
    regions = {
      eu = { location = "fsn1", cidr = "10.1.0.0/16", core_role = "voter" }
      us = { location = "ash", cidr = "10.2.0.0/16", core_role = "voter" }
    }
  }

  expect_failures = [var.regions]
}
