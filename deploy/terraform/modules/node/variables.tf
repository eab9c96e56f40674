variable "name" {
  type        = string
  description = "Name of the node: its host name, and its id in the cluster."
}

variable "kind" {
  type        = string
  description = "core or edge: which program runs here."

  validation {
    condition     = contains(["core", "edge"], var.kind)
    error_message = "kind is core or edge."
  }
}

variable "region" {
  type        = string
  description = "Region the node is in."
}

variable "public_ip" {
  type        = string
  description = "The node's public IPv4 address. A core answers the other cores there; it must be an address of the machine itself."
}

variable "private_ip" {
  type        = string
  description = "The node's address in its region's private network. Metrics and health answer there, never in public."
}

variable "release" {
  type = object({
    url    = string
    sha256 = string
  })
  description = "Where the program is fetched, and the SHA-256 it must have: a static linux binary of this repository's make build."

  validation {
    condition     = can(regex("^https://[^\\s\"'\\\\]+$", var.release.url))
    error_message = "release.url is an https:// address without spaces and quotes."
  }

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.release.sha256))
    error_message = "release.sha256 is 64 small hexadecimal digits, as sha256sum prints them."
  }
}

variable "settings" {
  type        = map(string)
  description = "Further settings by the variable's name, such as EDGE_PUBLIC_URL: the program's --help lists them. They are part of user_data, so no secrets."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex(var.kind == "core" ? "^CORE_[A-Z0-9_]+$" : "^EDGE_[A-Z0-9_]+$", name))])
    error_message = "Settings of a core begin with CORE_, those of an edge with EDGE_."
  }

  validation {
    condition = alltrue([for name in keys(var.settings) :
      !can(regex("_(ID|REGION|DATA|SPOOL|ADDR|API_ADDR|RAFT_ADDR|OPS_ADDR|PEERS|CORES|KEYRING|TOKEN)$|_FILE$", name))
      || name == "CORE_SMTP_ADDR" || name == "EDGE_S3_REGION"
    ])
    error_message = "The module itself sets the id, the region, addresses, directories, the other nodes and the files with secrets."
  }

  validation {
    condition     = alltrue([for value in values(var.settings) : !can(regex("[\\r\\n\"'\\\\]", value))])
    error_message = "A setting is one line without quotes and backslashes."
  }
}

variable "volume_device" {
  type        = string
  description = "Device of the volume that holds /var/lib/meridian, already formatted as ext4. Null: the machine's own disk."
  default     = null
}

variable "api_port" {
  type        = number
  description = "Port on which a core answers edges."
  default     = 8100
}

variable "raft_port" {
  type        = number
  description = "Port on which a core answers cores."
  default     = 8110
}
