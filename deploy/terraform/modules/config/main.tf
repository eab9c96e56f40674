# The topology, as values. No provider and no resource: what is decided here can be tested alone.

locals {
  cores = {
    for name, r in var.regions : "${var.name_prefix}-core-${name}" => {
      kind        = "core"
      region      = name
      location    = r.location
      core_role   = r.core_role
      private_ip  = cidrhost(local.subnets[name], 5)
      subnet_cidr = local.subnets[name]
    } if r.core_role != "none"
  }

  edges = merge([
    for name, r in var.regions : {
      for i in range(r.edge_count) : format("%s-edge-%s-%02d", var.name_prefix, name, i + 1) => {
        kind        = "edge"
        region      = name
        location    = r.location
        core_role   = "none"
        private_ip  = cidrhost(local.subnets[name], 10 + i)
        subnet_cidr = local.subnets[name]
      }
    }
  ]...)

  nodes    = merge(local.cores, local.edges)
  learners = { for name, n in local.cores : name => n if n.core_role == "learner" }
  voters   = { for name, n in local.cores : name => n if n.core_role == "voter" }
  subnets  = { for name, r in var.regions : name => cidrsubnet(r.cidr, 8, 1) }

  addressed = length(var.addresses) > 0

  # What `core serve --peers` takes: id=region@raft@api. It counts at the first start of a node only;
  # from then on the cluster itself knows its members.
  peers = local.addressed ? join(",", [
    for name, n in local.voters : "${name}=${n.region}@${var.addresses[name]}:${var.raft_port}@${var.addresses[name]}:${var.api_port}"
  ]) : ""

  # What `core serve --join` takes.
  join = local.addressed ? join(",", [for name, n in local.voters : "${name}=${n.region}@${var.addresses[name]}:${var.api_port}"]) : ""

  # What `edge serve --cores` takes. The core of the edge's own region is called in the private network.
  edge_cores = { for region in keys(var.regions) : region => local.addressed ? join(",", [
    for name, n in local.voters : "${name}=${n.region}@${n.region == region ? n.private_ip : var.addresses[name]}:${var.api_port}"
  ]) : "" }
}
