# Plain values: no provider, no mock.

variables {
  name_prefix = "shop"
  regions = {
    eu = { location = "fsn1", cidr = "10.1.0.0/16", core_role = "voter" }
    us = { location = "ash", cidr = "10.2.0.0/16", core_role = "voter", edge_count = 1 }
    ap = { location = "sin", cidr = "10.3.0.0/16", core_role = "voter", edge_count = 1 }
  }
}

run "three_voters" {
  command = plan

  variables {
    addresses = {
      "shop-core-eu"    = "203.0.113.1", "shop-core-us" = "203.0.113.2", "shop-core-ap" = "203.0.113.3"
      "shop-edge-eu-01" = "203.0.113.11", "shop-edge-eu-02" = "203.0.113.12", "shop-edge-us-01" = "203.0.113.21", "shop-edge-ap-01" = "203.0.113.31"
    }
  }

  assert {
    condition     = output.cluster_files["shop-core-us"] == "CORE_PEERS=shop-core-ap=ap@203.0.113.3:8110@203.0.113.3:8100,shop-core-eu=eu@203.0.113.1:8110@203.0.113.1:8100,shop-core-us=us@203.0.113.2:8110@203.0.113.2:8100\n"
    error_message = "The peers are not what core serve --peers takes."
  }

  assert {
    condition     = output.cluster_files["shop-edge-eu-02"] == "EDGE_CORES=shop-core-ap=ap@203.0.113.3:8100,shop-core-eu=eu@10.1.1.5:8100,shop-core-us=us@203.0.113.2:8100\n"
    error_message = "An edge must call its own region's core in the private network, and the others at their public addresses."
  }

  assert {
    condition     = length(output.node_sources) == 7 && output.core_sources == tolist(["203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32"])
    error_message = "Who may call a core is not all nodes for the API, and the cores for Raft."
  }

  assert {
    condition     = output.regions["ap"].network_zone == "ap-southeast" && output.nodes["shop-edge-eu-02"].private_ip == "10.1.1.11"
    error_message = "Network zone or private address is wrong."
  }
}

run "no_addresses_no_files" {
  command = plan

  assert {
    condition     = length(output.cluster_files) == 0 && length(output.nodes) == 7
    error_message = "Nodes must be known before addresses are, and files only after."
  }
}

run "a_learner_joins" {
  command = plan

  variables {
    regions = {
      eu = { location = "fsn1", cidr = "10.1.0.0/16", core_role = "voter", edge_count = 1 }
      us = { location = "ash", cidr = "10.2.0.0/16", core_role = "learner", edge_count = 0 }
    }
    addresses = { "shop-core-eu" = "203.0.113.1", "shop-core-us" = "203.0.113.2", "shop-edge-eu-01" = "203.0.113.11" }
  }

  assert {
    condition     = output.cluster_files["shop-core-us"] == "CORE_JOIN=shop-core-eu=eu@203.0.113.1:8100\n" && !strcontains(output.cluster_files["shop-core-eu"], "shop-core-us")
    error_message = "A learner in the list of first members would start as a voter."
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

run "no_voter_is_refused" {
  command = plan
  variables {
    regions = { eu = { location = "fsn1", cidr = "10.1.0.0/16" } }
  }
  expect_failures = [var.regions]
}

run "an_unknown_role_is_refused" {
  command = plan
  variables {
    regions = {
      eu = { location = "fsn1", cidr = "10.1.0.0/16", core_role = "voter" }
      us = { location = "ash", cidr = "10.2.0.0/16", core_role = "leader" }
    }
  }
  expect_failures = [var.regions]
}

run "a_shared_network_is_refused" {
  command = plan
  variables {
    regions = {
      eu = { location = "fsn1", cidr = "10.1.0.0/16", core_role = "voter" }
      us = { location = "ash", cidr = "10.1.0.0/16" }
    }
  }
  expect_failures = [var.regions]
}

run "a_public_network_is_refused" {
  command = plan
  variables {
    regions = { eu = { location = "fsn1", cidr = "203.0.0.0/16", core_role = "voter" } }
  }
  expect_failures = [var.regions]
}

run "a_network_that_does_not_begin_at_its_first_address_is_refused" {
  command = plan
  variables {
    regions = { eu = { location = "fsn1", cidr = "10.1.2.0/16", core_role = "voter" } }
  }
  expect_failures = [var.regions]
}

run "an_unknown_location_is_refused" {
  command = plan
  variables {
    regions = { eu = { location = "moon1", cidr = "10.1.0.0/16", core_role = "voter" } }
  }
  expect_failures = [var.regions]
}

run "too_many_edges_are_refused" {
  command = plan
  variables {
    regions = { eu = { location = "fsn1", cidr = "10.1.0.0/16", core_role = "voter", edge_count = 10 } }
  }
  expect_failures = [var.regions]
}

run "a_bad_prefix_is_refused" {
  command = plan
  variables {
    name_prefix = "Shop_"
  }
  expect_failures = [var.name_prefix]
}
