// Once a second factor is set up, the form has done its work, and the page leads on.
$(document).on("mfaAdded", () => {
  for (const id of ["divToHide", "undone"]) document.getElementById(id).hidden = true;
  document.getElementById("done").hidden = false;
});
