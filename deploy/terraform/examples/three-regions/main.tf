provider "hcloud" {} # the token comes from HCLOUD_TOKEN

module "config" {
  source = "../../modules/config"

  name_prefix = var.name_prefix
  regions     = var.regions
  addresses   = module.addresses.ipv4
}

module "addresses" {
  source = "../../modules/addresses"

  name_prefix = var.name_prefix
  nodes       = module.config.nodes
  protect     = var.protect
}

module "region" {
  source   = "../../modules/region"
  for_each = module.config.regions

  name_prefix  = var.name_prefix
  name         = each.key
  location     = each.value.location
  network_zone = each.value.network_zone
  cidr         = each.value.cidr
  subnet_cidr  = each.value.subnet_cidr
  nodes        = each.value.nodes
  addresses    = { for name in keys(each.value.nodes) : name => { id = module.addresses.ids[name], ipv4 = module.addresses.ipv4[name] } }
  node_sources = module.config.node_sources
  core_sources = module.config.core_sources
  admin_cidrs  = var.admin_cidrs
  ssh_keys     = var.ssh_keys
  releases     = var.releases
  protect      = var.protect

  core_settings = {
    CORE_HEARTBEAT    = var.heartbeat
    CORE_PAYMENTS_URL = var.payments_url
    CORE_SHOP_URL     = var.shop_url
  }

  edge_settings = {
    EDGE_PUBLIC_URL = var.shop_url
    EDGE_CURRENCY   = var.regions[each.key].currency
    EDGE_COUNTRY    = var.regions[each.key].country
  }
}
