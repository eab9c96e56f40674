variable "name_prefix" {
  type        = string
  description = "Begins the name of everything here."
}

variable "name" {
  type        = string
  description = "Short name of the region."
}

variable "location" {
  type        = string
  description = "The provider's location, such as fsn1."
}

variable "network_zone" {
  type        = string
  description = "The provider's network zone of the location, such as eu-central."
}

variable "cidr" {
  type        = string
  description = "The region's private network."
}

variable "subnet_cidr" {
  type        = string
  description = "The part of cidr that servers are in."
}

variable "nodes" {
  description = "The nodes of this region by name, as modules/config gives them. At most one is a core."
  type = map(object({
    kind       = string
    core_role  = string
    private_ip = string
  }))
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.nodes) : startswith(name, "${var.name_prefix}-")])
    error_message = "A node's name begins with name_prefix, so that two shops fit into one project."
  }

  validation {
    condition     = length([for n in var.nodes : n if n.kind == "core"]) <= 1
    error_message = "A region has at most one core: two votes in one region are lost together."
  }

  validation {
    condition     = alltrue([for n in var.nodes : contains(n.kind == "core" ? ["voter", "learner"] : ["none"], n.core_role)])
    error_message = "The core_role of a core is voter or learner, that of an edge none."
  }

  validation {
    condition     = length(var.nodes) <= 10
    error_message = "A spread placement group holds ten servers."
  }
}

variable "addresses" {
  description = "Id and IPv4 address of each node's public address."
  type = map(object({
    id   = string
    ipv4 = string
  }))
  nullable = false
}

variable "node_sources" {
  type        = list(string)
  description = "Networks (/32) of all nodes of all regions: who may call the core's API."
}

variable "core_sources" {
  type        = list(string)
  description = "Networks (/32) of all cores: who may speak Raft."
}

variable "admin_cidrs" {
  type        = list(string)
  description = "Networks from which operators reach SSH."

  validation {
    condition     = length(var.admin_cidrs) > 0 && alltrue([for c in var.admin_cidrs : can(cidrhost(c, 0)) && !endswith(c, "/0")])
    error_message = "Give at least one network such as 198.51.100.7/32, and not the whole internet."
  }
}

variable "ssh_keys" {
  type        = list(string)
  description = "Names or ids of SSH keys that the provider knows."

  validation {
    condition     = length(var.ssh_keys) > 0
    error_message = "Give at least one key: without one the provider mails a root password."
  }
}

variable "releases" {
  description = "Where core and edge are fetched, and the SHA-256 they must have."
  type = object({
    core = object({ url = string, sha256 = string })
    edge = object({ url = string, sha256 = string })
  })
}

variable "core_settings" {
  type        = map(string)
  description = "Settings of the core by variable, such as CORE_PAYMENTS_URL; no secrets."
  default     = {}
}

variable "edge_settings" {
  type        = map(string)
  description = "Settings of this region's edges by variable, such as EDGE_CURRENCY; no secrets."
  default     = {}
}

variable "image" {
  type        = string
  description = "Image of the servers: with systemd 252 or newer, and cloud-init."
  default     = "debian-12"
}

variable "core_server_type" {
  type        = string
  description = "Server type of the core."
  default     = "ccx13"
}

variable "edge_server_type" {
  type        = string
  description = "Server type of the edges."
  default     = "cpx21"
}

variable "core_volume_gb" {
  type        = number
  description = "Size of the volume with the core's log, state and snapshots, in GB."
  default     = 40

  validation {
    condition     = var.core_volume_gb >= 10 && floor(var.core_volume_gb) == var.core_volume_gb
    error_message = "A volume has at least 10 GB."
  }
}

variable "api_port" {
  type        = number
  description = "Port on which the core answers edges."
  default     = 8100
}

variable "raft_port" {
  type        = number
  description = "Port on which the core answers cores."
  default     = 8110
}

variable "protect" {
  type        = bool
  description = "Refuse to delete the core and its volume. Set to false, and apply, before the region is taken away."
  default     = true
}
