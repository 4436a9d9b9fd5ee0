"""The score prior over the latents of one stage."""
