output "edge_ipv4" {
  description = "Public address of each edge by region and name: what the shop's DNS or load balancer points to."
  value       = { for name, r in module.region : name => r.edge_ipv4 }
}

output "node_ipv4" {
  description = "Public address of each node by name, for SSH."
  value       = module.addresses.ipv4
}

output "cluster_files" {
  description = "By node: the text of /etc/meridian/cluster/cluster.env."
  value       = module.config.cluster_files
}

output "placed_files" {
  description = "By node: the files that an operator places into /etc/meridian/cluster."
  value       = merge([for r in module.region : r.placed_files]...)
}

output "scrape_targets" {
  description = "By region: host:port of each node's metrics, in the region's private network."
  value       = { for name, r in module.region : name => r.scrape_targets }
}

output "user_data_sha256" {
  description = "By node: hash of what it is told at its first boot. It changes with a release or a setting, not with the membership."
  value       = { for name, text in merge([for r in module.region : r.user_data]...) : name => sha256(text) }
}
