# Stands in for a deployment with AWS: terraform_data has an id and an output
# that are known only after apply, and needs no provider. plan.json beside this
# file is what Terraform 1.11.4 makes of it:
#
#   terraform init && terraform plan -out=saved && terraform show -json saved

variable "zones" {
  type    = list(string)
  default = ["a", "b"]
}

variable "token" {
  default   = "correct-horse"
  sensitive = true
}

variable "spare" {
  type    = bool
  default = false
}

locals {
  subnets = module.net.subnet_ids
  group   = terraform_data.group.id
}

module "net" {
  source = "./net"
  zones  = var.zones
}

resource "terraform_data" "group" {
  input = "group"
}

resource "terraform_data" "extra" {
  count = var.spare ? 1 : 0
  input = "extra"
}

module "app" {
  for_each = {
    orders = { port = 6379, groups = [] }
    carts  = { port = 6380, groups = ["sg-0123"] }
  }
  source     = "./app"
  name       = each.key
  port       = each.value.port
  subnet_ids = local.subnets
  group_ids  = concat([local.group], each.value.groups)
}

resource "terraform_data" "splat" {
  input = module.net.subnet_ids
}

resource "terraform_data" "picked" {
  input = module.net.by_zone["b"]
}

resource "terraform_data" "counted" {
  count = 2
  input = module.net.subnet_ids[count.index]
}

resource "terraform_data" "keyed" {
  for_each = toset(["a", "b"])
  input    = module.net.by_zone[each.key]
}

resource "terraform_data" "one" {
  input = one([terraform_data.group.id])
}

resource "terraform_data" "tried" {
  input = try(terraform_data.extra[0].id, terraform_data.group.id)
}

resource "terraform_data" "environment" {
  input = {
    url   = "redis://${module.app["orders"].host}:${module.app["orders"].port}"
    host  = module.app["carts"].host
    token = "x-${var.token}"
    names = join(",", [for k, m in module.app : "${k}=${m.host}"])
  }
}

resource "terraform_data" "rules" {
  input = [
    { port = 6379, groups = [terraform_data.group.id] },
    { port = 6380, groups = [terraform_data.group.output] },
  ]
}
