output "edge_ipv4" {
  description = "Public address of each edge, for the shop's DNS or load balancer."
  value       = { for name in keys(local.edges) : name => var.addresses[name].ipv4 }
}

output "core_ipv4" {
  description = "Public address of the core, or null."
  value       = one([for name in keys(local.cores) : var.addresses[name].ipv4])
}

output "placed_files" {
  description = "By node: the files that an operator places into /etc/meridian/cluster."
  value       = { for name, n in module.node : name => n.placed_files }
}

output "scrape_targets" {
  description = "host:port of each node's metrics in the private network."
  value       = sort([for name, n in var.nodes : "${n.private_ip}:${n.kind == "core" ? 8120 : 8090}"])
}

output "user_data" {
  description = "By node: what cloud-init gets."
  value       = local.user_data
}
