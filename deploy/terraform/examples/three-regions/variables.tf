variable "name_prefix" {
  type        = string
  description = "Begins the name of everything, so that two shops fit into one project."
  default     = "shop"
}

variable "regions" {
  description = "The regions by short name; see modules/config. currency and country are those of the region's shoppers."
  type = map(object({
    location   = string
    cidr       = string
    core_role  = optional(string, "none")
    edge_count = optional(number, 2)
    currency   = optional(string, "EUR")
    country    = optional(string, "DE")
  }))
  default = {
    eu = { location = "fsn1", cidr = "10.1.0.0/16", core_role = "voter" }
    us = { location = "ash", cidr = "10.2.0.0/16", core_role = "voter", currency = "USD", country = "US" }
    ap = { location = "sin", cidr = "10.3.0.0/16", core_role = "voter", currency = "SGD", country = "SG" }
  }

  validation {
    condition     = contains([1, 3, 5], length([for r in var.regions : r if r.core_role == "voter"]))
    error_message = "Give 1, 3 or 5 regions the core_role voter. An even number survives no more losses than the odd one below it, and more than 5 make every write slower."
  }
}

variable "releases" {
  description = "Where core and edge are fetched, and the SHA-256 they must have: make build makes them, sha256sum says it."
  type = object({
    core = object({ url = string, sha256 = string })
    edge = object({ url = string, sha256 = string })
  })
}

variable "shop_url" {
  type        = string
  description = "The shop's public address, such as https://shop.example."
}

variable "payments_url" {
  type        = string
  description = "The payment provider."
}

variable "heartbeat" {
  type        = string
  description = "Heartbeat and election time-out of the core: at least ten times the largest round trip between two voters."
  default     = "3s"
}

variable "admin_cidrs" {
  type        = list(string)
  description = "Networks from which operators reach SSH."
}

variable "ssh_keys" {
  type        = list(string)
  description = "Names of SSH keys that the provider knows."
}

variable "protect" {
  type        = bool
  description = "Refuse to delete cores, their volumes and addresses. Set to false, and apply, before a region is taken away."
  default     = true
}
