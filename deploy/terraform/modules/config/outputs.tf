output "nodes" {
  description = "Every node by name: kind (core or edge), region, location, core_role, private_ip, subnet_cidr. Does not depend on addresses."
  value       = local.nodes
}

output "regions" {
  description = "Every region with its network_zone, subnet_cidr and the names of its nodes."
  value = { for name, r in var.regions : name => {
    location     = r.location
    network_zone = var.network_zones[r.location]
    cidr         = r.cidr
    subnet_cidr  = local.subnets[name]
    nodes        = { for node, n in local.nodes : node => n if n.region == name }
  } }
}

output "cluster_files" {
  description = "By node: the text of /etc/meridian/cluster/cluster.env, which an operator places. It is the only file that knows the other nodes, and it is not in user_data: a change of membership replaces no server. A learner joins the voters."
  value = local.addressed ? merge(
    { for name, n in local.voters : name => "CORE_PEERS=${local.peers}\n" },
    { for name, n in local.learners : name => "CORE_JOIN=${local.join}\n" },
    { for name, n in local.edges : name => "EDGE_CORES=${local.edge_cores[n.region]}\n" },
  ) : {}
}

output "node_sources" {
  description = "Addresses of all nodes as /32 networks: who may call a core's API."
  value       = sort([for name in keys(local.nodes) : "${var.addresses[name]}/32" if local.addressed])
}

output "core_sources" {
  description = "Addresses of all cores as /32 networks: who may speak Raft."
  value       = sort([for name in keys(local.cores) : "${var.addresses[name]}/32" if local.addressed])
}
