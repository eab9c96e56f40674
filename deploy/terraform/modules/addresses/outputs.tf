output "ids" {
  description = "Id of each node's address."
  value       = { for name, ip in hcloud_primary_ip.node : name => ip.id }
}

output "ipv4" {
  description = "IPv4 address of each node."
  value       = { for name, ip in hcloud_primary_ip.node : name => ip.ip_address }
}
