<TMPL_IF NAME="TOKEN"><input type="hidden" name="token" value="<TMPL_VAR NAME="TOKEN">"></TMPL_IF>
<div class="hds-text-input">
  <label class="hds-text-input__label" for="userfield" trspan="login"></label>
  <div class="hds-text-input__input-wrapper"><input id="userfield" name="user" type="text" class="hds-text-input__input" value="<TMPL_VAR NAME="LOGIN" ESCAPE=HTML>" required autocomplete="username" autocapitalize="none" spellcheck="false"></div>
</div>
<div class="hds-text-input">
  <label class="hds-text-input__label" for="passwordfield" trspan="password"></label>
  <div class="hds-text-input__input-wrapper"><input id="passwordfield" name="password" type="password" class="hds-text-input__input" required autocomplete="current-password"></div>
</div>
<TMPL_VAR NAME="CAPTCHA_HTML">
<button type="submit" class="hds-button hds-button--primary" trspan="connect"></button>
<p trspan="forgottenPassword"></p>
