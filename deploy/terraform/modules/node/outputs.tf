output "user_data" {
  description = "cloud-init's user data: at most 32 KiB, no secrets, no other node."
  value       = local.user_data

  precondition {
    condition     = length(local.user_data) <= 32768
    error_message = "user_data is longer than 32 KiB: give fewer settings."
  }
}

output "units" {
  description = "systemd units by file name."
  value       = local.units
}

output "environment" {
  description = "The program's settings, as /etc/meridian/core.env or edge.env has them."
  value       = local.environment
}

output "placed_files" {
  description = "Files that an operator places into /etc/meridian/cluster; the program waits for all of them."
  value       = local.wanted
}
