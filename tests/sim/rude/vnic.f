vnic.v
