variable "name_prefix" {
  type        = string
  description = "Label of everything that belongs to this shop."
}

variable "nodes" {
  description = "The nodes, as the output nodes of modules/config gives them."
  type = map(object({
    kind     = string
    region   = string
    location = string
  }))
  nullable = false
}

variable "protect" {
  type        = bool
  description = "Refuse to delete addresses. Set to false, and apply, before a region is taken away."
  default     = false
}
