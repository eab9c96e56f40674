variable "name_prefix" {
  type        = string
  description = "Begins the name of everything, so that two shops fit into one project: 2 to 16 small letters, digits or hyphens."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,14}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix is 2 to 16 small letters, digits or hyphens, and begins with a letter."
  }
}

variable "regions" {
  description = "The regions by short name. core_role is voter, learner or none; edge_count is how many edges stand there; cidr is the region's private network, a /16 of its own."
  type = map(object({
    location   = string
    cidr       = string
    core_role  = optional(string, "none")
    edge_count = optional(number, 2)
  }))
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.regions) : can(regex("^[a-z][a-z0-9]{1,11}$", name))])
    error_message = "A region's name is 2 to 12 small letters and digits, and begins with a letter."
  }

  validation {
    condition     = alltrue([for r in var.regions : contains(["voter", "learner", "none"], r.core_role)])
    error_message = "core_role is voter, learner or none."
  }

  validation {
    condition     = contains([1, 3, 5], length([for r in var.regions : r if r.core_role == "voter"]))
    error_message = "Give 1, 3 or 5 regions the core_role voter. An even number survives no more losses than the odd one below it, and more than 5 make every write slower."
  }

  validation {
    condition     = alltrue([for r in var.regions : r.edge_count >= 0 && r.edge_count <= 9 && floor(r.edge_count) == r.edge_count])
    error_message = "edge_count is 0 to 9: a spread placement group holds ten servers, and the core is one of them."
  }

  # try() and not ||: each part only makes sense when the one before it holds.
  validation {
    condition = alltrue([for r in var.regions : try(
      cidrsubnet(r.cidr, 0, 0) == r.cidr && endswith(r.cidr, "/16") && can(regex("^(10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)\\.", r.cidr)),
      false,
    )])
    error_message = "cidr is a private /16 written with its first address, such as 10.1.0.0/16."
  }

  validation {
    condition     = length(distinct([for r in var.regions : r.cidr])) == length(var.regions)
    error_message = "Each region needs a cidr of its own."
  }

  validation {
    condition     = alltrue([for r in var.regions : contains(keys(var.network_zones), r.location)])
    error_message = "A location has no entry in network_zones; add it there, with the provider's network zone."
  }
}

variable "network_zones" {
  type        = map(string)
  description = "The provider's network zone of each location."
  nullable    = false
  default = {
    fsn1 = "eu-central"
    nbg1 = "eu-central"
    hel1 = "eu-central"
    ash  = "us-east"
    hil  = "us-west"
    sin  = "ap-southeast"
  }
}

variable "addresses" {
  type        = map(string)
  description = "Public IPv4 address of each node of the output nodes. Empty while the nodes have none: then no cluster file is rendered."
  default     = {}
  nullable    = false
}

variable "api_port" {
  type        = number
  description = "Port on which cores answer edges."
  default     = 8100
}

variable "raft_port" {
  type        = number
  description = "Port on which cores answer cores."
  default     = 8110
}
