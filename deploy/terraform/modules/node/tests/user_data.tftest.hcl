variables {
  name       = "shop-core-eu"
  kind       = "core"
  region     = "eu"
  public_ip  = "203.0.113.1"
  private_ip = "10.1.1.5"
  release = {
    url    = "https://releases.shop.example/core"
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  }
}

run "core" {
  command = plan

  variables {
    volume_device = "/dev/disk/by-id/scsi-0HC_Volume_1"
    settings      = { CORE_PAYMENTS_URL = "https://pay.shop.example", CORE_SMTP_ADDR = "mail.shop.example:25" }
  }

  assert {
    condition     = strcontains(output.environment, "CORE_RAFT_ADDR=203.0.113.1:8110\n") && strcontains(output.environment, "CORE_OPS_ADDR=10.1.1.5:8120\n") && strcontains(output.environment, "CORE_PAYMENTS_URL=https://pay.shop.example\n")
    error_message = "The core's settings are wrong."
  }

  assert {
    condition     = output.placed_files == tolist(["ca.crt", "cluster-token", "cluster.env", "keyring", "node.crt", "node.key", "staff.json"])
    error_message = "A core waits for the wrong files."
  }

  assert {
    condition = alltrue([for file, variable in { "node.crt" = "CORE_TLS_CERT", "node.key" = "CORE_TLS_KEY", "ca.crt" = "CORE_TLS_CA" } :
    strcontains(output.units["meridian-core.service"], "Environment=${variable}=%d/${file}\n")]) && strcontains(output.environment, "CORE_API_ADVERTISE=203.0.113.1:8100\n")
    error_message = "A core that is reached over a network starts with certificates only."
  }

  assert {
    condition     = strcontains(output.units["meridian-core.service"], "RequiresMountsFor=/var/lib/meridian") && strcontains(output.units["var-lib-meridian.mount"], "What=/dev/disk/by-id/scsi-0HC_Volume_1")
    error_message = "A core must not start without its volume."
  }

  assert {
    condition     = yamldecode(trimprefix(output.user_data, "#cloud-config\n")).hostname == "shop-core-eu"
    error_message = "user_data is not the YAML it should be."
  }

  assert {
    condition = alltrue([for command in [
      ["chmod", "0700", "/etc/meridian/cluster"],
      ["systemctl", "enable", "meridian-install.service", "meridian-core.service", "meridian-core.path"],
      ["systemctl", "start", "--no-block", "meridian-install.service", "meridian-core.path"],
    ] : contains([for c in yamldecode(trimprefix(output.user_data, "#cloud-config\n")).runcmd : jsonencode(c)], jsonencode(command))])
    error_message = "At its first boot the machine does not enable and start what it should."
  }

  assert {
    condition = toset([for f in yamldecode(trimprefix(output.user_data, "#cloud-config\n")).write_files : f.path]) == toset([
      "/etc/meridian/core.env", "/etc/meridian/release.env", "/etc/meridian/cluster/README", "/usr/local/sbin/meridian-install",
      "/etc/systemd/system/meridian-core.service", "/etc/systemd/system/meridian-core.path",
      "/etc/systemd/system/meridian-install.service", "/etc/systemd/system/var-lib-meridian.mount",
    ])
    error_message = "The machine gets other files than it should."
  }
}

run "edge_waits_for_the_secrets_of_what_it_uses" {
  command = plan

  variables {
    name     = "shop-edge-eu-01"
    kind     = "edge"
    settings = { EDGE_S3_ENDPOINT = "s3.shop.example:443", EDGE_S3_REGION = "eu", EDGE_CLICKHOUSE_USER = "meridian" }
  }

  assert {
    condition     = output.placed_files == tolist(["ca.crt", "clickhouse-password", "cluster-token", "cluster.env", "cookie-secret", "node.crt", "node.key", "s3-secret-key"])
    error_message = "An edge waits for the wrong files."
  }

  assert {
    condition     = alltrue([for f in output.placed_files : strcontains(output.units["meridian-edge.service"], "ConditionFileNotEmpty=/etc/meridian/cluster/${f}\n")])
    error_message = "The unit must wait for every file that is placed."
  }
}

run "settings_of_the_other_program_are_refused" {
  command = plan
  variables {
    settings = { EDGE_CURRENCY = "EUR" }
  }
  expect_failures = [var.settings]
}

run "a_list_of_nodes_is_refused" {
  command = plan
  variables {
    settings = { CORE_PEERS = "a=b@c:1@d:2" }
  }
  expect_failures = [var.settings]
}

run "a_setting_of_two_lines_is_refused" {
  command = plan
  variables {
    settings = { CORE_SHOP_URL = "https://shop.example\nCORE_ID=other" }
  }
  expect_failures = [var.settings]
}

run "an_unverified_binary_is_refused" {
  command = plan
  variables {
    release = { url = "https://releases.shop.example/core", sha256 = "" }
  }
  expect_failures = [var.release]
}

run "a_plain_download_is_refused" {
  command = plan
  variables {
    release = { url = "http://releases.shop.example/core", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  }
  expect_failures = [var.release]
}
