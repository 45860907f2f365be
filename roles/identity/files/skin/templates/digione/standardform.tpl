<TMPL_IF NAME="TOKEN"><input type="hidden" name="token" value="<TMPL_VAR NAME="TOKEN">"></TMPL_IF>
<div class="field">
  <label for="userfield" trspan="login"></label>
  <input id="userfield" name="user" type="text" class="form-control" value="<TMPL_VAR NAME="LOGIN" ESCAPE=HTML>" required autocomplete="username" autocapitalize="none" spellcheck="false">
</div>
<div class="field">
  <label for="passwordfield" trspan="password"></label>
  <input id="passwordfield" name="password" type="password" class="form-control" required autocomplete="current-password">
</div>
<TMPL_VAR NAME="CAPTCHA_HTML">
<button type="submit" class="btn btn-primary" trspan="connect"></button>
